/* SPDX-License-Identifier: MIT */
/*
 * The network part of `make bench`: what a packet costs from one domU to another and to the
 * outside; tables go to the file named by the argument.
 *
 * pv-guest/apps/netbench.c sends, in a domU of the built-in dom0, and marks its measured part for
 * tests/qemu/count.c, which counts instructions by the program that they belong to. Fails when a
 * packet was lost.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct kind {
    const char *name; /* as the guest prints it */
    const char *text;
};

static const struct kind kinds[] = {
    {"small", "60 bytes, checksums by the ends"},
    {"full", "1514 bytes, checksums by the ends"},
    {"full-blank", "1514 bytes, checksum offload"},
    {"large", "64294 bytes, checksum and segmentation offload"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The domains that a packet passes, and the hypervisor. */
struct cost {
    double hypervisor, sender, dom0, receiver;
};

static FILE *report;

static void write_config(const char *folder, const char *name, const char *mac, const char *extra)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.cfg", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file,
            "name = \"%s\"\nkernel = \"/guests/netbench\"\nmemory = 16\nextra = \"%s\"\n"
            "vif = [ 'mac=%s' ]\n",
            name, extra, mac);
    fclose(file);
}

static const char *make_guests(void)
{
    const char *ramdisk = build_path("logs/bench-net.cpio");
    const char *folder = build_path("logs/bench-net.guests");

    run_command("rm -rf %s && mkdir -p %s && cp %s %s", folder, folder,
                build_path("tests/guests/netbench"), folder);
    write_config(folder, "sink", "00:16:3e:00:00:02", "role=sink");
    write_config(folder, "inside", "00:16:3e:00:00:01", "role=send to=00:16:3e:00:00:02");
    write_config(folder, "outside", "00:16:3e:00:00:01", "role=send to=outside");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

/* A socket on this machine; packets that come are not read. */
static int open_socket(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* What is behind the card: takes all frames, sends none. */
static const char *outside(void)
{
    static char text[80];
    int to, from;

    open_socket(&to);
    close(open_socket(&from));
    snprintf(text, sizeof(text), "socket,id=net0,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d", to,
             from);
    return text;
}

/* Run the sender; costs are of all packets of a kind. */
static void measure(const char *sender, const char *counts, char *output, size_t size)
{
    const char *extra[] = {
        "-icount", "shift=0", "-plugin", build_path("tests/qemu/count.so,out=%s", counts),
        "-netdev", outside(), "-device", "virtio-net-pci,netdev=net0,disable-legacy=on",
        NULL};
    char modules[1024], name[32];
    struct machine *machine;

    run_command("rm -f %s", counts);
    snprintf(name, sizeof(name), "bench-net-%s", sender);
    snprintf(modules, sizeof(modules), "%s,%s", dom0_kernel(), make_guests());
    machine = machine_start(
        &(struct machine_options){.name = name,
                                  .kernel = build_path("bulkhead"),
                                  .cmdline = "console=com1 noreboot spec-ctrl=no",
                                  .modules = modules,
                                  .extra = extra});
    expect_prompt(machine);
    if (!strcmp(sender, "inside")) {
        machine_type(machine, "create -c /guests/sink.cfg");
        machine_expect(machine, "sink ready");
        leave_console(machine);
    }
    machine_type(machine, "create -c /guests/%s.cfg", sender);
    machine_expect(machine, "BENCH DONE");
    snprintf(output, size, "%s", machine_between(machine));
    machines_stop(NULL);
}

static void read_cost(FILE *file, struct cost *cost, unsigned int packets)
{
    unsigned int region;

    assert_int_equal(fscanf(file, "region %u hypervisor %lf marker %lf dom0 %lf other %lf\n",
                            &region, &cost->hypervisor, &cost->sender, &cost->dom0,
                            &cost->receiver),
                     5);
    cost->hypervisor /= packets;
    cost->sender /= packets;
    cost->dom0 /= packets;
    cost->receiver /= packets;
}

static void print_table(const char *output, const char *counts)
{
    FILE *file = fopen(counts, "re");

    assert_non_null(file);
    fprintf(report,
            "| instructions a packet | sender | hypervisor | dom0 | receiver | together | a "
            "byte |\n|---|---:|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < KINDS; i++) {
        unsigned int packets = 0, bytes = 0, lost = 1;
        struct cost cost;
        char format[64];
        const char *line;
        double sum;

        snprintf(format, sizeof(format), "BENCH %s packets", kinds[i].name);
        line = strstr(output, format);
        assert_non_null(line);
        assert_int_equal(
            sscanf(line + strlen(format), "%u bytes %u lost %u", &packets, &bytes, &lost), 3);
        assert_int_equal(lost, 0);
        read_cost(file, &cost, packets);
        sum = cost.sender + cost.hypervisor + cost.dom0 + cost.receiver;
        fprintf(report, "| %s | %.0f | %.0f | %.0f | %.0f | %.0f | %.2f |\n", kinds[i].text,
                cost.sender, cost.hypervisor, cost.dom0, cost.receiver, sum, sum / bytes);
    }
    fclose(file);
}

static void packets_cost_what_they_cost(void **state)
{
    const char *counts = build_path("logs/bench-net.count");
    char output[4096];

    measure("inside", counts, output, sizeof(output));
    fprintf(report, "From one domU to another:\n\n");
    print_table(output, counts);
    measure("outside", counts, output, sizeof(output));
    fprintf(report, "\nTo the outside, by a card without offloads:\n\n");
    print_table(output, counts);
    fflush(report);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(packets_cost_what_they_cost, machines_stop),
    };

    if (argc != 2 || !(report = fopen(argv[1], "we"))) {
        fprintf(stderr, "usage: bench_net REPORT\n");
        return 2;
    }
    return cmocka_run_group_tests_name("network benchmarks", tests, NULL, NULL);
}
