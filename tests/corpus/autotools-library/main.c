#include "sum.h"

#include <assert.h>
#include <stdio.h>

int main(void) {
    assert(sum(1, 1) == 2);
    printf("%d of %s\n", sum(20, 22), __FILE__);
    return 0;
}
