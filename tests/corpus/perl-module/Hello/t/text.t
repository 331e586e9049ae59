use Test::More tests => 1;
use Hello;
ok(Hello::text());
