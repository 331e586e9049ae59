package main

import (
	"strings"
	"testing"
)

func TestConvert(t *testing.T) {
	var target strings.Builder
	if err := convert(strings.NewReader("name: tea\ncups: 2\n"), &target); err != nil {
		t.Fatal(err)
	}
	if want := "cups = 2\nname = \"tea\"\n"; target.String() != want {
		t.Errorf("got %q, want %q", target.String(), want)
	}
}

func TestConvertRefusesAList(t *testing.T) {
	if err := convert(strings.NewReader("- tea\n"), &strings.Builder{}); err == nil {
		t.Error("a list is no TOML document, yet there was no error")
	}
}
