//! Numbers, sizes, times and switches as Go's libraries and docker's read them: strconv, go-units, time.ParseDuration.

/// Go's strconv.ParseBool.
pub fn switch(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// docker/go-units RAMInBytes.
pub fn is_size(value: &str) -> bool {
    let value = value.strip_prefix('+').unwrap_or(value);
    let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let unit = unit.trim_start_matches(' ').to_ascii_lowercase();
    let exponent = unit.chars().next().and_then(|c| "kmgtp".find(c)).map_or(0, |at| at as i32 + 1);
    let unit = unit.strip_prefix(['k', 'm', 'g', 't', 'p']).unwrap_or(&unit);
    // What no 64 bits hold wraps round to a negative number.
    let fits = number.parse::<f64>().is_ok_and(|number| number * 1024f64.powi(exponent) < 9.2e18);
    fits && ["", "b", "i", "ib"].contains(&unit)
}

pub fn decimal(value: &str) -> Option<f64> {
    if let Some(digits) = value.strip_prefix("0x") {
        return u32::from_str_radix(digits, 16).ok().map(f64::from);
    }
    if let Some((a, b)) = value.split_once('/') {
        return Some(a.parse::<i64>().ok()? as f64 / f64::from(b.parse::<u32>().ok().filter(|b| *b > 0)?));
    }
    value.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Go's time.ParseDuration.
pub fn duration(value: &str) -> bool {
    let mut rest = value.strip_prefix(['-', '+']).unwrap_or(value);
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit = ["ns", "us", "µs", "ms", "s", "m", "h"]
            .iter()
            .find(|unit| after.strip_prefix(**unit).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphabetic())));
        match unit {
            Some(unit) if number.parse::<f64>().is_ok() => rest = &after[unit.len()..],
            _ => return false,
        }
        parts += 1;
    }
    parts > 0
}

/// Microseconds of a time, which is neither negative nor below what the daemon counts in.
pub fn time(value: &str) -> Result<(), String> {
    if !duration(value) {
        return Err("it takes a time with its unit, such as 30s or 1m30s".into());
    }
    if value.starts_with('-') {
        return Err("it is not negative".into());
    }
    let digits = value.trim_start_matches('+').bytes().take_while(|b| b.is_ascii_digit()).count();
    let number = value.trim_start_matches('+').get(..digits).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let below = match value.trim_start_matches('+').get(digits..) {
        Some("ns") => number < 1_000_000,
        Some("us" | "µs") => number < 1000,
        _ => false,
    };
    if below && number > 0 { Err("1ms is the least".into()) } else { Ok(()) }
}

/// Go's big.Rat with no more than nine digits behind the point; the kernel takes 0.01 and more.
pub fn cpus(value: &str) -> Result<(), String> {
    let number = decimal(value).ok_or("it takes a number such as 1.5")?;
    let digits = value.split_once('.').map_or(0, |(_, digits)| digits.trim_end_matches('0').len());
    if digits > 9 {
        return Err("nine digits behind the point are the most".into());
    }
    if number < 0.0 || (number > 0.0 && number < 0.01) { Err("0.01 is the least".into()) } else { Ok(()) }
}

/// moby pkg/parsers ParseUintList.
pub fn cpu_list(value: &str) -> bool {
    let number = |text: &str| text.parse::<u32>().ok();
    value.is_empty()
        || value.split(',').all(|part| match part.split_once('-') {
            None => number(part).is_some(),
            Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
        })
}
