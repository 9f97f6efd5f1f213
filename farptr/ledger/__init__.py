"""Who received which bytes, and of whose data they were made: a fold over a journal."""
