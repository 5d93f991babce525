//! A logical gateway session: sequence, replay journal, intents filter. Sans-IO.
