"""Views: what a person looks at, folded from what the broker and the workers told."""
