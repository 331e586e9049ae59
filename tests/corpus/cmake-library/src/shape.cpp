#include "shape.hpp"

std::string Shape::text() const {
    return "a shape of " + std::to_string(area()) + ", built " __DATE__ " " __TIME__;
}
