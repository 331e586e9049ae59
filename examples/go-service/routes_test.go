package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestRoutes(t *testing.T) {
	for _, test := range []struct {
		path   string
		status int
		body   string
	}{
		{"/healthz", http.StatusOK, "ok\n"},
		{"/", http.StatusOK, "{\"message\":\"hello, world\"}\n"},
		{"/?name=Ada", http.StatusOK, "{\"message\":\"hello, Ada\"}\n"},
		{"/absent", http.StatusNotFound, "404 page not found\n"},
	} {
		recorder := httptest.NewRecorder()
		routes().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, test.path, nil))
		if recorder.Code != test.status || recorder.Body.String() != test.body {
			t.Errorf("%s: got %d %q, want %d %q",
				test.path, recorder.Code, recorder.Body.String(), test.status, test.body)
		}
	}
}
