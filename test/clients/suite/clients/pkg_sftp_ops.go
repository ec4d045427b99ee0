// Does operations, given as JSON on standard input, with Go's pkg/sftp as its users would.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

type order struct {
	Login struct {
		Port     int
		User     string
		Password *string
		Key      struct{ Openssh string }
	}
	Ops  []op
	GoOn bool
}

type op struct {
	Do, Here, There, From, To, Path string
	Mode                            uint32
}

func put(client *sftp.Client, here, there string, resume bool) error {
	from, err := os.Open(here)
	if err != nil {
		return err
	}
	defer from.Close()
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if resume {
		flags = os.O_WRONLY
	}
	to, err := client.OpenFile(there, flags)
	if err != nil {
		return err
	}
	if resume {
		status, err := to.Stat()
		if err != nil {
			return err
		}
		from.Seek(status.Size(), io.SeekStart)
		to.Seek(status.Size(), io.SeekStart)
	}
	if _, err = to.ReadFrom(from); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}

func get(client *sftp.Client, there, here string, resume bool) error {
	from, err := client.Open(there)
	if err != nil {
		return err
	}
	defer from.Close()
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if resume {
		flags = os.O_WRONLY
	}
	to, err := os.OpenFile(here, flags, 0666)
	if err != nil {
		return err
	}
	defer to.Close()
	if resume {
		end, _ := to.Seek(0, io.SeekEnd)
		from.Seek(end, io.SeekStart)
	}
	_, err = from.WriteTo(to)
	return err
}

func putTree(client *sftp.Client, here, there string) error {
	return filepath.Walk(here, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		target := there + strings.TrimPrefix(path, here)
		if info.IsDir() {
			return client.Mkdir(target)
		}
		return put(client, path, target, false)
	})
}

func getTree(client *sftp.Client, there, here string) error {
	walker := client.Walk(there)
	for walker.Step() {
		if walker.Err() != nil {
			return walker.Err()
		}
		target := here + strings.TrimPrefix(walker.Path(), there)
		var err error
		if walker.Stat().IsDir() {
			err = os.Mkdir(target, 0777)
		} else {
			err = get(client, walker.Path(), target, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func list(client *sftp.Client, path string) error {
	entries, err := client.ReadDir(path)
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	json.NewEncoder(os.Stdout).Encode(map[string][]string{"names": names})
	return err
}

func putKept(client *sftp.Client, here, there string) error {
	status, err := os.Stat(here)
	if err != nil {
		return err
	}
	if err = put(client, here, there, false); err != nil {
		return err
	}
	if err = client.Chmod(there, status.Mode()); err != nil {
		return err
	}
	return client.Chtimes(there, status.ModTime(), status.ModTime())
}

func getKept(client *sftp.Client, there, here string) error {
	status, err := client.Stat(there)
	if err != nil {
		return err
	}
	if err = get(client, there, here, false); err != nil {
		return err
	}
	if err = os.Chmod(here, status.Mode()); err != nil {
		return err
	}
	return os.Chtimes(here, status.ModTime(), status.ModTime())
}

func space(client *sftp.Client, path string) error {
	found, err := client.StatVFS(path)
	if err != nil {
		return err
	}
	used := (found.Blocks - found.Bfree) * found.Frsize
	return json.NewEncoder(os.Stdout).Encode(map[string]uint64{"total": found.TotalSpace(), "used": used})
}

func perform(client *sftp.Client, o op) error {
	switch o.Do {
	case "list":
		return list(client, o.Path)
	case "put", "resumePut":
		return put(client, o.Here, o.There, o.Do == "resumePut")
	case "putKept":
		return putKept(client, o.Here, o.There)
	case "putTree":
		return putTree(client, o.Here, o.There)
	case "get", "resumeGet":
		return get(client, o.There, o.Here, o.Do == "resumeGet")
	case "getKept":
		return getKept(client, o.There, o.Here)
	case "getTree":
		return getTree(client, o.There, o.Here)
	case "rename":
		return client.Rename(o.From, o.To)
	case "replace":
		return client.PosixRename(o.From, o.To)
	case "symlink":
		return client.Symlink(o.From, o.To)
	case "hardlink":
		return client.Link(o.From, o.To)
	case "remove":
		return client.Remove(o.Path)
	case "mkdir":
		return client.Mkdir(o.Path)
	case "rmdir":
		return client.RemoveDirectory(o.Path)
	case "chmod":
		return client.Chmod(o.Path, os.FileMode(o.Mode))
	case "df":
		return space(client, o.Path)
	}
	return fmt.Errorf("no operation")
}

func stop(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func secret(o order) ssh.AuthMethod {
	if o.Login.Password != nil {
		return ssh.Password(*o.Login.Password)
	}
	text, err := os.ReadFile(o.Login.Key.Openssh)
	stop("key", err)
	key, err := ssh.ParsePrivateKey(text)
	stop("key", err)
	return ssh.PublicKeys(key)
}

func main() {
	var o order
	stop("order", json.NewDecoder(os.Stdin).Decode(&o))
	connection, err := ssh.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", o.Login.Port), &ssh.ClientConfig{
		User:            o.Login.User,
		Auth:            []ssh.AuthMethod{secret(o)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		Timeout:         60 * time.Second,
	})
	stop("login", err)
	client, err := sftp.NewClient(connection)
	stop("sftp", err)
	failed := 0
	for _, one := range o.Ops {
		if err := perform(client, one); err != nil {
			failed = 1
			fmt.Fprintf(os.Stderr, "%s: %v\n", one.Do, err)
			if !o.GoOn {
				break
			}
		}
	}
	client.Close()
	connection.Close()
	os.Exit(failed)
}
