/* SPDX-License-Identifier: MIT */
/*
 * Domains' consoles as xenconsoled serves them: each is a pseudoterminal, whose path stands in the
 * domain's console/tty. A thread reads it and passes on what comes; when the domain has gone,
 * xenconsoled closes the other end. A console has one reader at a time, xl's or ours, which holds a
 * lock on the file that xenconsole has for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <tools/control.h>
#include <tools/service.h>

#include "domain_nodes.h"
#include "linux_platform.h"
#include "xenstore.h"

#define TTY_POLL  20000000ull /* ns between looks whether xenconsoled has made the terminal */
#define TTY_POLLS 250u        /* five seconds, as xl */
#define CONSOLES  32          /* attached at a time: more than a command can name */
#define PART      512         /* bytes that are passed on at a time */

/* A place for an attached console; its number is the handle. */
static struct console {
    bool attached;
    bool read; /* by a thread, which frees the place */
    domid_t domid;
    int fd, lock;
    struct console_client client;
} consoles[CONSOLES];

/* Waits until the domain has a terminal. @return its path, which the caller frees, or NULL. */
static char *find_terminal(domid_t domid)
{
    for (unsigned int i = 0; i < TTY_POLLS; i++) {
        struct xen_domctl_getdomaininfo info;
        char *path = domain_node_read(domid, "console/tty");

        if (path && *path)
            return path;
        free(path);
        if (control_domain_info(domid, &info))
            return NULL;
        platform_sleep(TTY_POLL);
    }
    return NULL;
}

/* The pseudoterminal passes bytes as they are. @return its descriptor, or -1 with @e. */
static int open_terminal(domid_t domid, struct error *e)
{
    char *path;
    struct termios raw;
    int fd;

    if (xenstore_open(e))
        return -1;
    path = find_terminal(domid);
    if (!path)
        return error_set(e, "domain %u has no console: xenconsoled gives it none", domid);
    fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        error_set(e, "the console of domain %u, %s: %s", domid, path, strerror(errno));
    free(path);
    if (fd >= 0 && !tcgetattr(fd, &raw)) {
        cfmakeraw(&raw);
        tcsetattr(fd, TCSANOW, &raw);
    }
    return fd;
}

/* @return a descriptor that holds the console for us, or -1 with @e: somebody else reads it */
static int lock_console(domid_t domid, struct error *e)
{
    char path[40];

    snprintf(path, sizeof(path), "/var/lock/xenconsole.%u", domid);
    for (;;) {
        struct stat held, named;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0)
            return error_set(e, "%s: %s", path, strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB)) {
            close(fd);
            return error_set(e, "somebody else is attached to the console of domain %u (%s)", domid,
                             path);
        }
        /* The last holder removes the file: it may have done so in between. */
        if (!fstat(fd, &held) && !stat(path, &named) && held.st_dev == named.st_dev &&
            held.st_ino == named.st_ino)
            return fd;
        close(fd);
    }
}

/* Waits for a part of the output, without the turn. @return how much it is; 0 at the end. */
static size_t read_part(int fd, char part[PART])
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    ssize_t length;

    linux_turn_give();
    do {
        poll(&polled, 1, -1);
        length = read(fd, part, PART);
    } while (length < 0 && (errno == EAGAIN || errno == EINTR));
    linux_turn_take();
    return length > 0 ? (size_t)length : 0; /* EIO: the other end is closed */
}

static void read_console(void *context)
{
    struct console *c = context;
    char part[PART];
    size_t length;

    while ((length = read_part(c->fd, part)) > 0 && c->attached)
        c->client.output(c->client.context, part, length);
    if (c->attached)
        c->client.gone(c->client.context);
    close(c->fd);
    close(c->lock);
    c->attached = c->read = false;
}

int service_console_attach(domid_t domid, const struct console_client *client, unsigned int *handle,
                           struct error *e)
{
    struct console *c = consoles;

    while (c < consoles + CONSOLES && c->read)
        c++;
    if (c == consoles + CONSOLES)
        return error_set(e, "too many consoles are attached");
    if (!domid)
        return error_set(e, "domain 0 has no console: it is this system");
    c->lock = lock_console(domid, e);
    if (c->lock < 0)
        return -1;
    c->fd = open_terminal(domid, e);
    if (c->fd < 0) {
        close(c->lock);
        return -1;
    }
    c->domid = domid;
    c->client = *client;
    c->attached = c->read = true;
    *handle = (unsigned int)(c - consoles);
    if (!platform_thread_start("console", read_console, c))
        return 0;
    c->attached = c->read = false;
    close(c->fd);
    close(c->lock);
    return error_set(e, "not enough memory");
}

/* The thread notices it when there is output, or ends with the program. */
void service_console_detach(unsigned int handle)
{
    consoles[handle].attached = false;
}

size_t service_console_input(domid_t domid, const void *data, size_t length)
{
    for (const struct console *c = consoles; c < consoles + CONSOLES; c++) {
        ssize_t written;

        if (!c->attached || c->domid != domid)
            continue;
        written = write(c->fd, data, length);
        return written > 0 ? (size_t)written : 0;
    }
    return 0;
}

int service_console_log(const char *name_or_number, char **text, size_t *length, struct error *e)
{
    return error_set(e,
                     "xenconsoled keeps the log of '%s', if it was started with --log=guest: "
                     "/var/log/xen/console",
                     name_or_number);
}
