package Hello;
use strict;
use warnings;
our $VERSION = "0.02";
sub text { return "hello from perl" }
1;

=head1 NAME

Hello - says it

=cut
