#include <ruby.h>

static long count;

static VALUE next_number(VALUE self) {
    (void)self;
    return LONG2NUM(++count);
}

void Init_counter(void) {
    rb_define_singleton_method(rb_define_module("Counter"), "next", next_number, 0);
}
