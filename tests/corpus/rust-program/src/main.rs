fn main() {
    let words: std::collections::BTreeMap<_, _> = ["hello", "from", "rust"].into_iter().enumerate().collect();
    println!("{}", words.into_values().collect::<Vec<_>>().join(" "));
}
