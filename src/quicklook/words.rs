//! Numbers and texts as they are written in a picture.

use super::canvas::whole;

/// A number for people: as many digits as tell it from others that are `step` away.
pub(super) fn number(value: f64, step: f64) -> String {
    let largest = value.abs().max(step.abs());
    if value == 0.0 {
        return "0".into();
    }
    if !(1e-3..1e6).contains(&largest) || step.abs() < 1e-5 {
        let digits = (value.abs() / step.abs().max(f64::MIN_POSITIVE)).log10().ceil().clamp(0.0, 4.0);
        let text = format!("{value:.*e}", whole(digits));
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let is_decimal = mantissa.contains('.');
        let short = if is_decimal { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
        return format!("{short}e{exponent}");
    }
    let decimals = (-step.abs().log10().floor()).clamp(0.0, 6.0);
    format!("{value:.*}", whole(decimals))
}

/// A number to four digits.
pub(super) fn plain(value: f64) -> String {
    let text = number(value, value.abs() * 1e-3);
    if text.contains('.') && !text.contains('e') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// Round numbers within a range, at most about `count`; and their distance.
pub(super) fn ticks(low: f64, high: f64, count: f64) -> (Vec<f64>, f64) {
    let rough = (high - low) / count;
    if !(rough.is_finite() && rough > 0.0) {
        return (vec![low], 1.0);
    }
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(power * 10.0);
    let first = (low / step - 1e-9).ceil();
    let ticks = (0..32).map(|at| (first + f64::from(at)) * step).take_while(|tick| *tick <= high + step * 1e-9);
    (ticks.collect(), step)
}

/// Letters that the font has: superscripts as `^2`, dashes as `-`.
pub(super) fn known(text: &str) -> String {
    let mut known = String::new();
    for character in text.chars() {
        match character {
            '\u{2070}'..='\u{2079}' => known.extend(char::from_digit(u32::from(character) - 0x2070, 10)),
            '\u{207b}' | '\u{2010}'..='\u{2015}' | '\u{2212}' => known.push('-'),
            '\u{3bc}' => known.push('\u{b5}'),
            '\u{2018}' | '\u{2019}' => known.push('\''),
            '\u{201c}' | '\u{201d}' => known.push('"'),
            other if other.is_whitespace() || other.is_control() => known.push(' '),
            other => known.push(other),
        }
    }
    known.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lines of at most so many letters, at most `lines` of them; what does not fit ends in dots.
pub(super) fn wrapped(text: &str, letters: usize, lines: usize) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let fits = all.last().is_some_and(|line| line.chars().count() + 1 + word.chars().count() <= letters);
        match all.last_mut().filter(|_| fits) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => all.push(word.into()),
        }
    }
    let is_cut = all.len() > lines;
    all.truncate(lines);
    let last = all.len().saturating_sub(1);
    for (number, line) in all.iter_mut().enumerate() {
        if line.chars().count() > letters || (is_cut && number == last) {
            *line = line.chars().take(letters.saturating_sub(3)).collect::<String>() + "...";
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            (plain(273.15), plain(0.00002), plain(-1.5), plain(1e20)),
            ("273.1".into(), "2e-5".into(), "-1.5".into(), "1e20".into())
        );
        assert_eq!(
            (number(0.25, 0.05), number(300.0, 10.0), number(0.0, 1.0)),
            ("0.25".into(), "300".into(), "0".into())
        );
        assert_eq!((number(2e-5, 1e-5), number(1.5e-8, 5e-9)), ("2e-5".into(), "1.5e-8".into()));
        assert_eq!(ticks(0.0, 1.0, 5.0).0.len(), 6);
        assert_eq!(ticks(-1.8, 30.2, 5.0), (vec![0.0, 10.0, 20.0, 30.0], 10.0));
    }

    #[test]
    fn long_texts_are_wrapped_and_cut() {
        assert_eq!(wrapped("one two three", 7, 2), ["one two", "three"]);
        assert_eq!(wrapped("one two three four", 7, 2), ["one two", "thre..."]);
        assert_eq!(wrapped("incomprehensibilities", 10, 2), ["incompr..."]);
        assert_eq!(known("10\u{207b}\u{2076} kg\u{a0}m\u{2013}2 \u{3bc}m"), "10-6 kg m-2 \u{b5}m");
    }
}
