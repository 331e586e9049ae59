static int hidden(int n) { return n * 3; }
int shown(int n) { return hidden(n) + 1; }
