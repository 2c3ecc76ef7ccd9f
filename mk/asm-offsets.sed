# SPDX-License-Identifier: MIT
# Assembly with DEFINE() marks in, a header of #defines out.
1i\
/* Generated from asm-offsets.c: do not edit. */
s/^.*\.ascii[[:space:]]*"->\([A-Za-z_0-9]*\) \(-\{0,1\}[0-9]*\)".*$/#define \1 \2/p
