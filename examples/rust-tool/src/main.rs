//! `tally` counts lines, words and bytes of files, or of the standard input.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use lexopt::prelude::{Long, Short, Value};

const USAGE: &str = "usage: tally [FILE...]\n";

#[derive(Debug, Default, PartialEq)]
struct Counts {
    lines: usize,
    words: usize,
    bytes: usize,
}

impl Counts {
    fn of(text: &[u8]) -> Self {
        let words = text.split(u8::is_ascii_whitespace);
        Self {
            lines: text.iter().filter(|&&byte| byte == b'\n').count(),
            words: words.filter(|word| !word.is_empty()).count(),
            bytes: text.len(),
        }
    }

    fn write(&self, out: &mut impl Write, name: &str) -> io::Result<()> {
        let mut digits = itoa::Buffer::new();
        for count in [self.lines, self.words, self.bytes] {
            out.write_all(digits.format(count).as_bytes())?;
            out.write_all(b"\t")?;
        }
        writeln!(out, "{name}")
    }
}

fn read(name: &OsString) -> io::Result<Vec<u8>> {
    if name == "-" {
        let mut text = Vec::new();
        io::stdin().lock().read_to_end(&mut text)?;
        return Ok(text);
    }
    fs::read(name)
}

fn files() -> Result<Option<Vec<OsString>>, lexopt::Error> {
    let mut names = Vec::new();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Value(name) => names.push(name),
            other => return Err(other.unexpected()),
        }
    }
    if names.is_empty() {
        names.push("-".into());
    }
    Ok(Some(names))
}

fn main() -> ExitCode {
    let names = match files() {
        Ok(Some(names)) => names,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprint!("tally: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut code = ExitCode::SUCCESS;
    for name in names {
        let shown = name.to_string_lossy();
        let done = read(&name).and_then(|text| Counts::of(&text).write(&mut io::stdout(), &shown));
        if let Err(error) = done {
            eprintln!("tally: {shown}: {error}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn nothing_counts_nothing() {
        assert_eq!(Counts::of(b""), Counts::default());
    }

    #[test]
    fn lines_words_and_bytes() {
        let expected = Counts { lines: 2, words: 3, bytes: 15 };
        assert_eq!(Counts::of(b"one  two\nthree\n"), expected);
    }

    #[test]
    fn a_line_is_written_with_tabs() {
        let mut line = Vec::new();
        Counts::of(b"a b\n").write(&mut line, "-").unwrap();
        assert_eq!(line, b"1\t2\t4\t-\n");
    }
}
