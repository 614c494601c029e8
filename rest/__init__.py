"""The documented REST routes: parse, make one resolver call, encode."""
