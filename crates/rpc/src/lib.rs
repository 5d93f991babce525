//! The one seam between actors: typed services, clients, placement, transports.
