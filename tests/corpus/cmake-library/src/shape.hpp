#pragma once
#include <string>

struct Shape {
    double width, height;
    double area() const;
    std::string text() const;
};
