exports.route = (path) => (path === "/" ? "page" : "missing");
