int a_function_with_quite_a_long_name(int x) { return x + 1; }
