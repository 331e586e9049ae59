#include "shape.hpp"

double Shape::area() const { return width * height; }
