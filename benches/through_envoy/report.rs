//! Medians across rounds, and the table.

use std::fmt::Write;

use crate::direct::Direct;
use crate::wrk::Sample;

/// The samples of one stand, in the order of the rounds.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) samples: Vec<Sample>,
}

/// One line a stand. A ratio is taken within each round, so that a slow minute of the machine falls out.
pub(crate) fn through_envoy(rows: &[Row], null: &[Sample]) -> String {
    let mut table = "\
| through Envoy | p50 µs | p90 µs | p99 µs | p99.9 µs | req/s | Envoy CPU µs/call | authz CPU µs/call | p50 ÷ null (range) | req/s ÷ null (range) |
| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |
"
    .to_owned();
    for Row { name, samples } in rows {
        let of = |field: fn(&Sample) -> f64| median(samples.iter().map(field));
        let _ = writeln!(
            table,
            "| {name} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {} | {} |",
            of(|s| s.p50),
            of(|s| s.p90),
            of(|s| s.p99),
            of(|s| s.p999),
            of(|s| s.per_second),
            of(|s| s.envoy_cpu),
            of(|s| s.authz_cpu),
            ratio(samples, null, |s| s.p50),
            ratio(samples, null, |s| s.per_second),
        );
    }
    table
}

pub(crate) fn straight(rows: &[(&'static str, Vec<Direct>)], null: &[Direct]) -> String {
    let mut table = "\
| straight over the Unix socket | Check/s | authz CPU µs/call | Check/s ÷ null (range) |
| --- | --: | --: | --: |
"
    .to_owned();
    for (name, samples) in rows {
        let _ = writeln!(
            table,
            "| {name} | {:.0} | {:.1} | {} |",
            median(samples.iter().map(|s| s.per_second)),
            median(samples.iter().map(|s| s.cpu)),
            ratio(samples, null, |s| s.per_second),
        );
    }
    table
}

fn ratio<S>(samples: &[S], null: &[S], field: fn(&S) -> f64) -> String {
    let ratios: Vec<f64> = samples.iter().zip(null).map(|(sample, null)| field(sample) / field(null)).collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    format!("{:.2} ({least:.2}–{most:.2})", median(ratios.into_iter()))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(upper), 0) => f64::midpoint(*upper, values.get(middle - 1).copied().unwrap_or(*upper)),
        (Some(middle), _) => *middle,
        (None, _) => f64::NAN,
    }
}
