#include "shape.hpp"

#include <iostream>

int main() { std::cout << Shape{2, 3}.text() << '\n'; }
