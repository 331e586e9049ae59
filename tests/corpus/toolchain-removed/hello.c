#include <stdio.h>

int main(void) {
    puts("hello, built on " __DATE__);
    return 0;
}
