//! The WebSocket edge: slices that own sockets and sessions, the node's relay, identify and resume.
