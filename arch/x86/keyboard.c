/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 keyboard (or a USB one that the firmware shows as such), US layout, as console input.
 *
 * Scan codes of set 1 become what a terminal would send: the Enter key a carriage return, the
 * backspace key DEL, the cursor keys their escape sequences. It is used while the built-in dom0
 * runs; any other dom0 has drivers of its own for the controller, which this one must not disturb.
 *
 * Controller: Intel 8042, as described in IBM's PS/2 technical reference, "Keyboard and Auxiliary
 * Device Controller".
 */
#include <asm/io.h>
#include <asm/irq.h>
#include <asm/keyboard.h>
#include <console.h>
#include <lib.h>

#define PORT_DATA    0x60
#define PORT_COMMAND 0x64 /* read: status */

#define STATUS_OUTPUT_FULL 0x01 /* there is something to read */
#define STATUS_INPUT_FULL  0x02 /* the controller is busy with what was written */
#define STATUS_AUXILIARY   0x20 /* what can be read comes from the mouse */

#define COMMAND_READ_MODE  0x20
#define COMMAND_WRITE_MODE 0x60
#define MODE_INTERRUPT     0x01
#define MODE_DISABLE       0x10
#define MODE_TRANSLATE     0x40 /* to scan codes of set 1 */

#define KEYBOARD_IRQ 1U
#define MAX_POLLS    20000U /* each takes about a microsecond */
#define MAX_DRAIN    16U    /* how many codes are taken at once */

#define CODE_EXTENDED   0xe0 /* the next code is one of the keys that later keyboards added */
#define CODE_RELEASED   0x80 /* or-ed to the code of a key that is let go */
#define KEY_CTRL        0x1d
#define KEY_LEFT_SHIFT  0x2a
#define KEY_RIGHT_SHIFT 0x36
#define KEY_CAPS_LOCK   0x3a

/* By scan code; 0: no character. */
static const char plain[] = "\0\033"
                            "1234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033"
                              "!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
STATIC_ASSERT(sizeof(plain) == 0x3b && sizeof(shifted) == sizeof(plain));

static struct {
    bool shift, ctrl, caps_lock;
    bool extended; /* the last code was CODE_EXTENDED */
} keys;

static void type(const char *text)
{
    while (*text)
        console_input(*text++);
}

static void type_extended(u8 code)
{
    switch (code) {
    case 0x1c: /* Enter */
        type("\r");
        break;
    case 0x35: /* / */
        type("/");
        break;
    case 0x47:
        type("\033[H");
        break;
    case 0x48:
        type("\033[A");
        break;
    case 0x4b:
        type("\033[D");
        break;
    case 0x4d:
        type("\033[C");
        break;
    case 0x4f:
        type("\033[F");
        break;
    case 0x50:
        type("\033[B");
        break;
    case 0x53:
        type("\033[3~");
        break;
    default:
        break;
    }
}

static void type_plain(u8 code)
{
    bool letter, upper;
    char c;

    if (code >= sizeof(plain) - 1)
        return;
    c = plain[code];
    letter = c >= 'a' && c <= 'z';
    upper = keys.shift != (letter && keys.caps_lock);
    if (upper)
        c = shifted[code];
    /* Control characters are the low five bits of a letter or of one of @[\]^_. */
    if (keys.ctrl)
        c = (c & 0x40) ? (char)(c & 0x1f) : '\0';
    if (c)
        console_input(c);
}

static void take_code(u8 code)
{
    bool extended = keys.extended, pressed = !(code & CODE_RELEASED);
    u8 key = code & (u8)~CODE_RELEASED;

    keys.extended = code == CODE_EXTENDED;
    if (keys.extended)
        return;
    if (key == KEY_CTRL) /* with the prefix: the right one */
        keys.ctrl = pressed;
    else if (key == KEY_LEFT_SHIFT || key == KEY_RIGHT_SHIFT)
        keys.shift = extended ? keys.shift : pressed; /* with the prefix: part of another key */
    else if (pressed && extended)
        type_extended(key);
    else if (pressed && key == KEY_CAPS_LOCK)
        keys.caps_lock = !keys.caps_lock;
    else if (pressed)
        type_plain(key);
}

void keyboard_poll(void)
{
    for (unsigned int i = 0; i < MAX_DRAIN; i++) {
        u8 status = inb(PORT_COMMAND), code;

        if (!(status & STATUS_OUTPUT_FULL))
            return;
        code = inb(PORT_DATA);
        if (!(status & STATUS_AUXILIARY))
            take_code(code);
    }
}

static void keyboard_interrupt(void *arg)
{
    keyboard_poll();
}

/*
 * Waits until the bits @mask of the status are @wanted.
 * @return false: they never were
 */
static bool __init wait_status(u8 mask, u8 wanted)
{
    for (unsigned int i = 0; i < MAX_POLLS; i++)
        if ((inb(PORT_COMMAND) & mask) == wanted)
            return true;
    return false;
}

static bool __init write_port(u8 value, u16 port)
{
    if (!wait_status(STATUS_INPUT_FULL, 0))
        return false;
    outb(value, port);
    return true;
}

bool __init keyboard_init(void)
{
    u8 mode;

    /* A bus without a device reads all ones. */
    if (inb(PORT_COMMAND) == 0xff)
        return false;
    for (unsigned int i = 0; i < MAX_DRAIN && (inb(PORT_COMMAND) & STATUS_OUTPUT_FULL); i++)
        inb(PORT_DATA);
    if (!write_port(COMMAND_READ_MODE, PORT_COMMAND) ||
        !wait_status(STATUS_OUTPUT_FULL, STATUS_OUTPUT_FULL))
        return false;
    mode = inb(PORT_DATA);
    mode = (u8)((mode & ~MODE_DISABLE) | MODE_INTERRUPT | MODE_TRANSLATE);
    return write_port(COMMAND_WRITE_MODE, PORT_COMMAND) && write_port(mode, PORT_DATA);
}

bool __init keyboard_init_irq(void)
{
    return irq_request_isa(KEYBOARD_IRQ, keyboard_interrupt, NULL) == 0;
}
