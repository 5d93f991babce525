//! Attachments, avatars, icons, emojis: blobs on disk and signed URLs.
