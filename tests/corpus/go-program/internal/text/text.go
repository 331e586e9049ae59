// Package text says it.
package text

// Hello gives a greeting.
func Hello() string { return "hello from go" }
