exports.text = "hello";
