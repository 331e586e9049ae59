package main

import (
	"fmt"

	"example.org/hello/internal/text"
)

func main() {
	fmt.Println(text.Hello())
}
