/*
 * Does operations with libssh as its users would: by SFTP, or, with the word scp as its argument, by
 * scp. Standard input has lines of percent-encoded words: the login (port, user, password or nothing,
 * key, "go on" or nothing), then one of each operation.
 */
#include <fcntl.h>
#include <libssh/libssh.h>
#include <libssh/sftp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CHUNK 32768
#define AHEAD 16

static ssh_session ssh;
static sftp_session sftp;
static char buffer[CHUNK];

static char *decoded(char *word)
{
    char *to = word;
    for (char *from = word; *from != 0; to++) {
        unsigned int byte;
        if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
            *to = (char)byte;
            from += 3;
        } else {
            *to = *from++;
        }
    }
    *to = 0;
    return word;
}

static int words(char *line, char **out, int most)
{
    int count = 0;
    line[strcspn(line, "\n")] = 0;
    for (char *word = strsep(&line, "\t"); word != NULL && count < most; word = strsep(&line, "\t"))
        out[count++] = decoded(word);
    return count;
}

static int put(const char *here, const char *there, int resume)
{
    FILE *from = fopen(here, "rb");
    sftp_file to = sftp_open(sftp, there, resume ? O_WRONLY : O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (from == NULL || to == NULL)
        return -1;
    if (resume) {
        sftp_attributes attributes = sftp_fstat(to);
        fseek(from, (long)attributes->size, SEEK_SET);
        sftp_seek64(to, attributes->size);
        sftp_attributes_free(attributes);
    }
    int failed = 0;
    for (size_t n; !failed && (n = fread(buffer, 1, CHUNK, from)) > 0;)
        failed = sftp_write(to, buffer, n) != (ssize_t)n;
    fclose(from);
    if (failed) {
        /* The reason is kept: a CLOSE that succeeds would replace it. */
        int code = sftp_get_error(sftp);
        fprintf(stderr, "SFTP error %d: %s\n", code, ssh_get_error(ssh));
        sftp_close(to);
        return -1;
    }
    return sftp_close(to);
}

/* Several requests ahead, as libssh's own example does. */
static int get(const char *there, const char *here, int resume)
{
    sftp_file from = sftp_open(sftp, there, O_RDONLY, 0);
    if (from == NULL)
        return -1;
    FILE *to = fopen(here, resume ? "ab" : "wb");
    if (resume) {
        fseek(to, 0, SEEK_END);
        sftp_seek64(from, (uint64_t)ftell(to));
    }
    int ids[AHEAD];
    for (int i = 0; i < AHEAD; i++)
        ids[i] = sftp_async_read_begin(from, CHUNK);
    int n = 0;
    for (int i = 0; ids[i] >= 0; i = (i + 1) % AHEAD) {
        n = sftp_async_read(from, buffer, CHUNK, (uint32_t)ids[i]);
        if (n <= 0)
            break;
        fwrite(buffer, 1, (size_t)n, to);
        ids[i] = sftp_async_read_begin(from, CHUNK);
    }
    fclose(to);
    if (n < 0)
        return -1;
    return sftp_close(from);
}

static int list(const char *path)
{
    sftp_dir directory = sftp_opendir(sftp, path);
    if (directory == NULL)
        return -1;
    sftp_attributes entry;
    while ((entry = sftp_readdir(sftp, directory)) != NULL) {
        fwrite(entry->name, 1, strlen(entry->name) + 1, stdout);
        sftp_attributes_free(entry);
    }
    int complete = sftp_dir_eof(directory);
    return sftp_closedir(directory) == 0 && complete ? 0 : -1;
}

static int put_kept(const char *here, const char *there)
{
    struct stat status;
    if (stat(here, &status) != 0 || put(here, there, 0) != 0)
        return -1;
    struct timeval times[2] = {{status.st_atime, 0}, {status.st_mtime, 0}};
    return sftp_chmod(sftp, there, status.st_mode & 07777) || sftp_utimes(sftp, there, times);
}

static int get_kept(const char *there, const char *here)
{
    sftp_attributes attributes = sftp_stat(sftp, there);
    if (attributes == NULL || get(there, here, 0) != 0)
        return -1;
    struct timeval times[2] = {{attributes->atime, 0}, {attributes->mtime, 0}};
    return chmod(here, attributes->permissions & 07777) || utimes(here, times);
}

static int space(const char *path)
{
    sftp_statvfs_t found = sftp_statvfs(sftp, path);
    if (found == NULL)
        return -1;
    printf("{\"total\":%llu,\"used\":%llu}\n", (unsigned long long)(found->f_blocks * found->f_frsize),
           (unsigned long long)((found->f_blocks - found->f_bfree) * found->f_frsize));
    sftp_statvfs_free(found);
    return 0;
}

static int by_sftp(char **op)
{
    const char *what = op[0];
    if (!strcmp(what, "list")) return list(op[1]);
    if (!strcmp(what, "put")) return put(op[1], op[2], 0);
    if (!strcmp(what, "putKept")) return put_kept(op[1], op[2]);
    if (!strcmp(what, "resumePut")) return put(op[1], op[2], 1);
    if (!strcmp(what, "get")) return get(op[1], op[2], 0);
    if (!strcmp(what, "getKept")) return get_kept(op[1], op[2]);
    if (!strcmp(what, "resumeGet")) return get(op[1], op[2], 1);
    if (!strcmp(what, "rename")) return sftp_rename(sftp, op[1], op[2]);
    if (!strcmp(what, "symlink")) return sftp_symlink(sftp, op[1], op[2]);
    if (!strcmp(what, "remove")) return sftp_unlink(sftp, op[1]);
    if (!strcmp(what, "mkdir")) return sftp_mkdir(sftp, op[1], 0777);
    if (!strcmp(what, "rmdir")) return sftp_rmdir(sftp, op[1]);
    if (!strcmp(what, "chmod")) return sftp_chmod(sftp, op[1], (mode_t)atoi(op[2]));
    if (!strcmp(what, "df")) return space(op[1]);
    fprintf(stderr, "no operation ");
    return -1;
}

static int scp_put(const char *here, const char *there)
{
    struct stat status;
    FILE *from = fopen(here, "rb");
    ssh_scp scp = ssh_scp_new(ssh, SSH_SCP_WRITE, there);
    if (from == NULL || stat(here, &status) != 0 || ssh_scp_init(scp) != SSH_OK ||
        ssh_scp_push_file64(scp, there, (uint64_t)status.st_size, 0666) != SSH_OK)
        return -1;
    /* Nothing is written of an empty file, as programs do: libssh then sends no last word. */
    for (size_t n; (n = fread(buffer, 1, CHUNK, from)) > 0;)
        if (ssh_scp_write(scp, buffer, n) != SSH_OK)
            return -1;
    fclose(from);
    int result = ssh_scp_close(scp);
    ssh_scp_free(scp);
    return result;
}

static int scp_get(const char *there, const char *here)
{
    ssh_scp scp = ssh_scp_new(ssh, SSH_SCP_READ, there);
    if (ssh_scp_init(scp) != SSH_OK || ssh_scp_pull_request(scp) != SSH_SCP_REQUEST_NEWFILE)
        return -1;
    uint64_t left = ssh_scp_request_get_size64(scp);
    ssh_scp_accept_request(scp);
    FILE *to = fopen(here, "wb");
    /* Also of an empty file once: that takes the other side's last word. */
    do {
        int n = ssh_scp_read(scp, buffer, CHUNK);
        if (n < 0 || (n == 0 && left > 0))
            return -1;
        fwrite(buffer, 1, (size_t)n, to);
        left -= (uint64_t)n;
    } while (left > 0);
    fclose(to);
    if (ssh_scp_pull_request(scp) != SSH_SCP_REQUEST_EOF)
        return -1;
    ssh_scp_close(scp);
    ssh_scp_free(scp);
    return 0;
}

static int by_scp(char **op)
{
    if (!strcmp(op[0], "put")) return scp_put(op[1], op[2]);
    if (!strcmp(op[0], "get")) return scp_get(op[1], op[2]);
    fprintf(stderr, "no operation ");
    return -1;
}

static int open_session(char **login)
{
    /* Else the end of each write waits for the other side's delayed acknowledgement: 40 ms. */
    int port = atoi(login[0]), no = 0, yes = 1;
    long timeout = 60;
    ssh = ssh_new();
    ssh_options_set(ssh, SSH_OPTIONS_HOST, "127.0.0.1");
    ssh_options_set(ssh, SSH_OPTIONS_PORT, &port);
    ssh_options_set(ssh, SSH_OPTIONS_USER, login[1]);
    ssh_options_set(ssh, SSH_OPTIONS_TIMEOUT, &timeout);
    ssh_options_set(ssh, SSH_OPTIONS_PROCESS_CONFIG, &no);
    ssh_options_set(ssh, SSH_OPTIONS_NODELAY, &yes);
    if (ssh_connect(ssh) != SSH_OK)
        return -1;
    if (login[2][0] != 0)
        return ssh_userauth_password(ssh, NULL, login[2]) == SSH_AUTH_SUCCESS ? 0 : -1;
    ssh_key key;
    if (ssh_pki_import_privkey_file(login[3], NULL, NULL, NULL, &key) != SSH_OK)
        return -1;
    int result = ssh_userauth_publickey(ssh, NULL, key);
    ssh_key_free(key);
    return result == SSH_AUTH_SUCCESS ? 0 : -1;
}

int main(int count, char **arguments)
{
    static char line[32768], login_line[32768];
    char *login[5] = {"", "", "", "", ""}, *op[4] = {"", "", "", ""};
    if (count > 1 && !strcmp(arguments[1], "version")) {
        printf("libssh %s\n", ssh_version(0));
        return 0;
    }
    int use_scp = count > 1 && !strcmp(arguments[1], "scp");
    if (fgets(login_line, sizeof login_line, stdin) == NULL)
        return 2;
    words(login_line, login, 5);
    if (open_session(login) != 0) {
        fprintf(stderr, "login: %s\n", ssh_get_error(ssh));
        return 1;
    }
    if (!use_scp && ((sftp = sftp_new(ssh)) == NULL || sftp_init(sftp) != SSH_OK)) {
        fprintf(stderr, "sftp: %s\n", ssh_get_error(ssh));
        return 1;
    }
    int failed = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        words(line, op, 4);
        if ((use_scp ? by_scp : by_sftp)(op) == 0)
            continue;
        failed = 1;
        fprintf(stderr, "%s failed: %s\n", op[0], ssh_get_error(ssh));
        if (login[4][0] == 0)
            break;
    }
    if (sftp != NULL)
        sftp_free(sftp);
    ssh_disconnect(ssh);
    ssh_free(ssh);
    return failed;
}
