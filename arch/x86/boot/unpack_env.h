/* SPDX-License-Identifier: MIT */
/* The little that the decompression libraries take from a C library (unpack_env.c). Boot only. */
#ifndef UNPACK_ENV_H
#define UNPACK_ENV_H

#include <types.h>

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void free(void *p);
void __stack_chk_fail(void) __attribute__((noreturn));
/* libzstd's tracing hooks. */
unsigned long long ZSTD_trace_decompress_begin(const void *ctx);
void ZSTD_trace_decompress_end(unsigned long long trace, const void *event);

/* unpack_call.S: fn(job) on another stack, whose top is @stack. */
long call_on_stack(long (*fn)(void *arg), void *arg, void *stack);

#endif
