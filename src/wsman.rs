//! WS-Management (DSP0226, DSP0227, DSP0230) as typed messages. Pure.
