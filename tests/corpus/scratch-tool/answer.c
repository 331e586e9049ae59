#include <stdio.h>

int main(void) {
    printf("42 from %s\n", __FILE__);
    return 0;
}
