//! statsd-agent hears StatsD datagrams, tallies them and flushes each interval as points.
