"""The broker: routes envelopes, keeps their order, counts references. It never opens a body."""
