require "counter/counter"
