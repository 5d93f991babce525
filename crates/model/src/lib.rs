//! Snowflakes, objects, permissions, intents, limits: pure data and pure rules.
