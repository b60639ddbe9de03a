//! The CIM object model (DSP0004): names, types, values, classes, instances, paths, MOF, schema, queries. Pure.
