// Command yaml2toml reads YAML on standard input and writes it as TOML.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/BurntSushi/toml"
	"gopkg.in/yaml.v3"
)

func main() {
	if err := convert(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "yaml2toml:", err)
		os.Exit(1)
	}
}

func convert(source io.Reader, target io.Writer) error {
	var document map[string]any
	if err := yaml.NewDecoder(source).Decode(&document); err != nil {
		return err
	}
	return toml.NewEncoder(target).Encode(document)
}
