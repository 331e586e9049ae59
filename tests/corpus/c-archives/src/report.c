#include <stdio.h>

void report(void) { printf("built %s %s by %s\n", __DATE__, __TIME__, __FILE__); }
