//! WS-Management and CIM-XML clients for the manager and the command line.
