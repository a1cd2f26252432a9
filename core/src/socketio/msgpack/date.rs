//! Dates, as JSON has them.

/// The text that JavaScript's `Date.prototype.toJSON` gives for milliseconds since 1970: none where
/// there is no such date.
pub(super) fn text_of(milliseconds: i64) -> Option<String> {
    if milliseconds.unsigned_abs() > FARTHEST {
        return None;
    }
    let (days, rest) = (milliseconds.div_euclid(DAY), milliseconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, fraction) = (rest / 1_000 % 60, rest % 1_000);
    let year = match year {
        0..=9_999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    Some(format!(
        "{year}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{fraction:03}Z"
    ))
}

/// The farthest that a `Date` reaches, both ways.
const FARTHEST: u64 = 8_640_000_000_000_000;

const DAY: i64 = 86_400_000;

/// Year, month and day of the Gregorian calendar, so many days from 1970-01-01.
///
/// Counted in years from March on, whose leap day is their last; 400 of them repeat exactly.
fn civil(days: i64) -> (i64, i64, i64) {
    // 719,468 days are from 0000-03-01 to 1970-01-01, and 146,097 in 400 years.
    let days = days + 719_468;
    let (cycle, of_cycle) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let of_cycle_years =
        (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * of_cycle_years + of_cycle_years / 4 - of_cycle_years / 100);
    // Months from March on have 153 days in each five.
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = 400 * cycle + of_cycle_years + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_as_javascript_does() {
        // Each as `new Date(milliseconds).toJSON()` has it.
        #[rustfmt::skip]
        let cases = [
            (0,                          Some("1970-01-01T00:00:00.000Z")),
            (1,                          Some("1970-01-01T00:00:00.001Z")),
            (-1,                         Some("1969-12-31T23:59:59.999Z")),
            (951_782_400_000,            Some("2000-02-29T00:00:00.000Z")),
            (951_868_800_000,            Some("2000-03-01T00:00:00.000Z")),
            (1_709_210_096_789,          Some("2024-02-29T12:34:56.789Z")),
            (-62_167_219_200_001,        Some("-000001-12-31T23:59:59.999Z")),
            (253_402_300_800_000,        Some("+010000-01-01T00:00:00.000Z")),
            (8_640_000_000_000_000,      Some("+275760-09-13T00:00:00.000Z")),
            (-8_640_000_000_000_000,     Some("-271821-04-20T00:00:00.000Z")),
            (8_640_000_000_000_001,      None),
            (i64::MAX,                   None),
            (i64::MIN,                   None),
        ];
        for (milliseconds, expected) in cases {
            assert_eq!(text_of(milliseconds).as_deref(), expected, "{milliseconds}");
        }
    }
}
