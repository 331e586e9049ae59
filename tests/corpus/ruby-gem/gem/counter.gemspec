Gem::Specification.new do |spec|
  spec.name = "counter"
  spec.version = "0.1.0"
  spec.summary = "Counts"
  spec.authors = ["nobody"]
  spec.license = "Apache-2.0"
  spec.homepage = "https://example.org"
  spec.files = Dir["lib/**/*.rb", "ext/**/*.{c,rb}"].sort
  spec.extensions = ["ext/counter/extconf.rb"]
end
