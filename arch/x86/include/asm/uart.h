/* SPDX-License-Identifier: MIT */
/* The serial port of the console. */
#ifndef ASM_UART_H
#define ASM_UART_H

#include <types.h>

/*
 * Sets up the port for polled output and registers it with the console. @option is the text of
 * com1= (may be empty).
 * @return false: no such port
 */
bool uart_init_early(const char *option);
/* Was a port found? */
bool uart_in_use(void);
/*
 * Boot: from now on input arrives by interrupt.
 * @return false: the port has none, and uart_poll() has to be called
 */
bool uart_init_irq(void);
/* Takes the received characters and passes them to console_input(). Any context. */
void uart_poll(void);
/* Is @port one that we use and dom0 must not get? */
bool uart_owns_port(u16 port);

#endif
