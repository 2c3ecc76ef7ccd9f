/* SPDX-License-Identifier: MIT */
/*
 * What the network tests run inside of Linux guests, as /bin/network of their ramdisk.
 *
 *   network serve PORT               answer the two below, each for as long as it lasts
 *   network tcp HOST PORT BYTES      send so much, receive so much, every byte checked
 *   network udp HOST PORT COUNT SIZE send datagrams one by one and get each back as it was
 *   network offloads DEVICE on|off   checksums, scatter-gather and segmentation by the device
 *
 * Each ends with one line that begins with its name and a capital word: "tcp OK ...".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE (64u << 10)
#define TRIES 5

/* What a client asks of the server. */
struct request {
    uint64_t send, receive; /* bytes, as the client sees it */
};

/* What the server found, sent when all was received. */
struct verdict {
    uint64_t received, sum;
    uint64_t wrong; /* words */
};

static uint64_t word_at(uint64_t index)
{
    uint64_t word = (index + 1) * 0x9e3779b97f4a7c15ull;

    return word ^ (word >> 29);
}

static int fail(const char *what, const char *why)
{
    printf("%s FAILED: %s\n", what, why);
    return 1;
}

static bool write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t done = write(fd, at, size);

        if (done <= 0)
            return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static bool read_all(int fd, void *data, size_t size)
{
    char *at = data;

    while (size > 0) {
        ssize_t done = read(fd, at, size);

        if (done <= 0)
            return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static bool send_stream(int fd, uint64_t bytes)
{
    static uint64_t buffer[PIECE / 8];

    for (uint64_t at = 0; at < bytes; at += PIECE) {
        uint64_t size = bytes - at < PIECE ? bytes - at : PIECE;

        for (uint64_t i = 0; i < (size + 7) / 8; i++)
            buffer[i] = word_at(at / 8 + i);
        if (!write_all(fd, buffer, size))
            return false;
    }
    return true;
}

static bool receive_stream(int fd, uint64_t bytes, struct verdict *verdict)
{
    static uint64_t buffer[PIECE / 8];

    memset(verdict, 0, sizeof(*verdict));
    for (uint64_t at = 0; at < bytes; at += PIECE) {
        uint64_t size = bytes - at < PIECE ? bytes - at : PIECE;

        if (!read_all(fd, buffer, size))
            return false;
        for (uint64_t i = 0; i < size / 8; i++) {
            verdict->sum = verdict->sum * 31 + buffer[i];
            verdict->wrong += buffer[i] != word_at(at / 8 + i);
        }
        verdict->received += size;
    }
    return true;
}

/* ---- Server ---- */

static void serve_connection(int fd)
{
    struct verdict verdict;
    struct request request;

    if (read_all(fd, &request, sizeof(request)) && receive_stream(fd, request.send, &verdict) &&
        write_all(fd, &verdict, sizeof(verdict)))
        send_stream(fd, request.receive);
    shutdown(fd, SHUT_WR);
    /* Wait until the client has all. */
    while (read(fd, &request, sizeof(request)) > 0)
        ;
    close(fd);
}

static void serve_datagram(int fd)
{
    static char buffer[65536];
    struct sockaddr_in6 from;
    socklen_t length = sizeof(from);
    ssize_t size = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &length);

    if (size >= 0)
        sendto(fd, buffer, (size_t)size, 0, (struct sockaddr *)&from, length);
}

static int serve(uint16_t port)
{
    /* IPv4 as well, by addresses in disguise. */
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};
    int one = 1;

    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    fds[0].fd = socket(AF_INET6, SOCK_STREAM, 0);
    fds[1].fd = socket(AF_INET6, SOCK_DGRAM, 0);
    setsockopt(fds[0].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fds[0].fd, (struct sockaddr *)&here, sizeof(here)) || listen(fds[0].fd, 8) ||
        bind(fds[1].fd, (struct sockaddr *)&here, sizeof(here)))
        return fail("serve", strerror(errno));
    printf("serve READY\n");
    fflush(stdout);
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents)
            serve_datagram(fds[1].fd);
        if (fds[0].revents) {
            int fd = accept(fds[0].fd, NULL, NULL);

            if (fork() == 0) {
                serve_connection(fd);
                _exit(0);
            }
            close(fd);
        }
    }
}

/* ---- Clients ---- */

static int open_socket(const char *host, uint16_t port, int type)
{
    struct sockaddr_in6 there = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    char address[64];
    int fd = socket(AF_INET6, type, 0);

    snprintf(address, sizeof(address), "%s%s", strchr(host, ':') ? "" : "::ffff:", host);
    if (inet_pton(AF_INET6, address, &there.sin6_addr) != 1 ||
        connect(fd, (struct sockaddr *)&there, sizeof(there))) {
        close(fd);
        return -1;
    }
    return fd;
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static int tcp(const char *host, uint16_t port, uint64_t bytes)
{
    struct request request = {.send = bytes, .receive = bytes};
    struct verdict theirs, ours;
    struct timespec start;
    double out, in;
    int fd = open_socket(host, port, SOCK_STREAM);

    if (fd < 0)
        return fail("tcp", strerror(errno));
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (!write_all(fd, &request, sizeof(request)) || !send_stream(fd, bytes) ||
        !read_all(fd, &theirs, sizeof(theirs)))
        return fail("tcp", "the connection broke while sending");
    out = seconds_since(&start);
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (!receive_stream(fd, bytes, &ours))
        return fail("tcp", "the connection broke while receiving");
    in = seconds_since(&start);
    close(fd);
    if (theirs.wrong || ours.wrong || theirs.received != bytes || theirs.sum != ours.sum)
        return fail("tcp", "the data is not what was sent");
    printf("tcp OK %llu bytes there and back, checksum %016llx, %.1f and %.1f MB/s\n",
           (unsigned long long)bytes, (unsigned long long)ours.sum, (double)bytes / out / 1e6,
           (double)bytes / in / 1e6);
    return 0;
}

/* Send a datagram until it comes back. @return how often it was sent, 0: it never came. */
static unsigned int exchange(int fd, const char *data, size_t size)
{
    static char back[65536];
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    for (unsigned int sent = 1; sent <= TRIES; sent++) {
        if (write(fd, data, size) != (ssize_t)size)
            continue;
        while (poll(&wait, 1, 1000) > 0)
            if (read(fd, back, sizeof(back)) == (ssize_t)size && memcmp(back, data, size) == 0)
                return sent;
    }
    return 0;
}

static int udp(const char *host, uint16_t port, unsigned int count, size_t size)
{
    static uint64_t data[65536 / 8];
    unsigned int again = 0;
    int fd = open_socket(host, port, SOCK_DGRAM);

    if (fd < 0 || size > sizeof(data))
        return fail("udp", strerror(errno));
    for (unsigned int i = 0; i < count; i++) {
        unsigned int sent;

        for (size_t word = 0; word < (size + 7) / 8; word++)
            data[word] = word_at(i + word);
        sent = exchange(fd, (const char *)data, size);
        if (!sent)
            return fail("udp", "a datagram did not come back");
        again += sent - 1;
    }
    printf("udp OK %u datagrams of %zu bytes, %u sent again\n", count, size, again);
    return 0;
}

static int offloads(const char *device, bool on)
{
    /* Those that need another come after it, and are switched off before it. */
    static const uint32_t commands[] = {ETHTOOL_SRXCSUM, ETHTOOL_STXCSUM, ETHTOOL_SSG,
                                        ETHTOOL_STSO,    ETHTOOL_SGSO,    ETHTOOL_SGRO};
    size_t count = sizeof(commands) / sizeof(commands[0]);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ethtool_value value;
    struct ifreq request = {0};

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
    request.ifr_data = (char *)&value;
    for (size_t i = 0; i < count; i++) {
        value.cmd = commands[on ? i : count - 1 - i];
        value.data = on;
        ioctl(fd, SIOCETHTOOL, &request); /* what cannot be changed stays */
    }
    value.cmd = ETHTOOL_GTSO;
    if (ioctl(fd, SIOCETHTOOL, &request) || (value.data != 0) != on)
        return fail("offloads", "segmentation did not change");
    printf("offloads OK %s\n", on ? "on" : "off");
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "serve") && argc == 3)
        return serve((uint16_t)atoi(argv[2]));
    if (!strcmp(what, "tcp") && argc == 5)
        return tcp(argv[2], (uint16_t)atoi(argv[3]), strtoull(argv[4], NULL, 10));
    if (!strcmp(what, "udp") && argc == 6)
        return udp(argv[2], (uint16_t)atoi(argv[3]), (unsigned int)atoi(argv[4]),
                   strtoul(argv[5], NULL, 10));
    if (!strcmp(what, "offloads") && argc == 4)
        return offloads(argv[2], !strcmp(argv[3], "on"));
    fprintf(stderr, "usage: network serve|tcp|udp|offloads ...\n");
    return 2;
}
