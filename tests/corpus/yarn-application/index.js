const greet = require("greet");
const words = require("words");

console.log(greet(), words("one two"));
