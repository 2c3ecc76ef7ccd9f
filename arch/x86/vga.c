/* SPDX-License-Identifier: MIT */
/*
 * The 80x25 text screen that PC firmware leaves behind, as a console device.
 *
 * The contents are kept in a copy of ours: scrolling never reads the slow video memory. Of a
 * terminal's control sequences (ECMA-48, 5.4) we execute those that dom0's line editor uses, and
 * drop the others.
 */
#include <asm/io.h>
#include <asm/vga.h>
#include <console.h>
#include <lib.h>
#include <page.h>

#define COLUMNS     80U
#define ROWS        25U
#define TAB         8U
#define BLANK       ((u16)(0x0700 | ' ')) /* light grey on black */
#define VIDEO_PADDR 0xb8000UL

/* CRT controller index and data port in colour modes; registers of the cursor's position. */
#define CRTC_INDEX       0x3d4
#define CRTC_DATA        0x3d5
#define CRTC_CURSOR_HIGH 0x0e
#define CRTC_CURSOR_LOW  0x0f

static u16 screen[ROWS * COLUMNS];
static unsigned int row, column;

/* How far a control sequence, ESC [ PARAMETER FINAL, has come. */
static enum { TEXT, ESCAPE, PARAMETER } state;
static unsigned int parameter;
static bool in_use;

static volatile u16 *video(void)
{
    return maddr_to_virt(VIDEO_PADDR);
}

static void set_cursor(void)
{
    u16 pos = (u16)(row * COLUMNS + column);

    outb(CRTC_CURSOR_HIGH, CRTC_INDEX);
    outb((u8)(pos >> 8), CRTC_DATA);
    outb(CRTC_CURSOR_LOW, CRTC_INDEX);
    outb((u8)pos, CRTC_DATA);
}

static void show_from(unsigned int first, unsigned int end)
{
    for (unsigned int i = first; i < end; i++)
        video()[i] = screen[i];
}

static void new_line(void)
{
    column = 0;
    if (row + 1 < ROWS) {
        row++;
        return;
    }
    memmove(screen, screen + COLUMNS, sizeof(screen) - COLUMNS * sizeof(u16));
    for (unsigned int i = 0; i < COLUMNS; i++)
        screen[(ROWS - 1) * COLUMNS + i] = BLANK;
    show_from(0, ROWS * COLUMNS);
}

static void clear(unsigned int first, unsigned int end)
{
    for (unsigned int i = first; i < end; i++)
        screen[i] = BLANK;
    show_from(first, end);
}

/* Executes the sequence that ends in @final. */
static void control(char final)
{
    if (final == 'K' && parameter == 0) { /* erase to the end of the line */
        clear(row * COLUMNS + column, (row + 1) * COLUMNS);
    } else if (final == 'H' && parameter == 0) { /* to the upper left corner */
        row = column = 0;
    } else if (final == 'J' && parameter == 2) { /* erase everything */
        clear(0, ROWS * COLUMNS);
    }
}

/* Takes one more character of a control sequence. */
static void put_control(char c)
{
    if (state == ESCAPE) {
        state = c == '[' ? PARAMETER : TEXT;
        parameter = 0;
    } else if (c >= '0' && c <= '9') {
        parameter = parameter * 10 + (unsigned int)(c - '0');
    } else if (c >= '@') {
        control(c);
        state = TEXT;
    }
}

static void vga_put(char c)
{
    if (state != TEXT) {
        put_control(c);
        return;
    }
    switch (c) {
    case '\033':
        state = ESCAPE;
        break;
    case '\n':
        new_line();
        break;
    case '\r':
        column = 0;
        break;
    case '\b':
        column -= column > 0;
        break;
    case '\t':
        column = ROUND_DOWN(column, TAB) + TAB;
        if (column >= COLUMNS)
            new_line();
        break;
    default:
        if ((u8)c < ' ')
            break;
        if (column == COLUMNS)
            new_line();
        screen[row * COLUMNS + column] = (u16)(0x0700 | (u8)c);
        show_from(row * COLUMNS + column, row * COLUMNS + column + 1);
        column++;
    }
}

/* Locks: the console lock is held, unless the machine goes down. */
static void vga_write(const char *text, size_t len)
{
    if (!in_use)
        return;
    while (len--)
        vga_put(*text++);
    set_cursor();
}

static struct console_driver vga_console = {.name = "vga", .write = vga_write};

void __init vga_init_early(void)
{
    clear(0, ROWS * COLUMNS);
    in_use = true;
    console_register(&vga_console);
}

bool __init vga_in_use(void)
{
    return in_use;
}

void vga_release(void)
{
    in_use = false;
}
