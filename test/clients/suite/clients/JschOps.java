import com.jcraft.jsch.*;
import java.io.*;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;

/** Does operations, given in lines of percent-encoded words on standard input, with JSch. */
public class JschOps {
    private static String[] words(String line) {
        String[] words = line.split("\t", -1);
        for (int i = 0; i < words.length; i++)
            words[i] = URLDecoder.decode(words[i].replace("+", "%2B"), StandardCharsets.UTF_8);
        return words;
    }

    /** Its paths are patterns. */
    private static String plain(String path) {
        return path.replaceAll("[\\\\*?]", "\\\\$0");
    }

    private static void putTree(ChannelSftp sftp, File here, String there) throws Exception {
        sftp.mkdir(there);
        for (File file : here.listFiles()) {
            String target = there + "/" + file.getName();
            if (file.isDirectory()) putTree(sftp, file, target);
            else sftp.put(file.getPath(), plain(target));
        }
    }

    private static void getTree(ChannelSftp sftp, String there, File here) throws Exception {
        here.mkdir();
        for (Object entry : sftp.ls(plain(there))) {
            ChannelSftp.LsEntry found = (ChannelSftp.LsEntry) entry;
            String name = found.getFilename();
            if (name.equals(".") || name.equals("..")) continue;
            File target = new File(here, name);
            if (found.getAttrs().isDir()) getTree(sftp, there + "/" + name, target);
            else sftp.get(plain(there + "/" + name), target.getPath());
        }
    }

    private static void list(ChannelSftp sftp, String path) throws Exception {
        StringBuilder names = new StringBuilder();
        for (Object entry : sftp.ls(plain(path)))
            names.append(((ChannelSftp.LsEntry) entry).getFilename()).append('\0');
        System.out.write(names.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    private static void putKept(ChannelSftp sftp, String here, String there) throws Exception {
        sftp.put(here, plain(there));
        Set<java.nio.file.attribute.PosixFilePermission> modes =
            Files.getPosixFilePermissions(Paths.get(here));
        int mode = 0;
        for (var one : java.nio.file.attribute.PosixFilePermission.values())
            mode = mode << 1 | (modes.contains(one) ? 1 : 0);
        sftp.chmod(mode, plain(there));
        sftp.setMtime(plain(there), (int) (new File(here).lastModified() / 1000));
    }

    private static void space(ChannelSftp sftp, String path) throws Exception {
        SftpStatVFS found = sftp.statVFS(plain(path));
        long unit = found.getFragmentSize();
        long used = (found.getBlocks() - found.getFreeBlocks()) * unit;
        System.out.println("{\"total\":" + found.getBlocks() * unit + ",\"used\":" + used + "}");
    }

    private static void perform(ChannelSftp sftp, String[] op) throws Exception {
        switch (op[0]) {
            case "list": list(sftp, op[1]); break;
            case "put": sftp.put(plain(op[1]), plain(op[2])); break;
            case "resumePut": sftp.put(plain(op[1]), plain(op[2]), ChannelSftp.RESUME); break;
            case "putTree": putTree(sftp, new File(op[1]), op[2]); break;
            case "putKept": putKept(sftp, op[1], op[2]); break;
            case "get": sftp.get(plain(op[1]), op[2]); break;
            case "resumeGet": sftp.get(plain(op[1]), op[2], null, ChannelSftp.RESUME); break;
            case "getTree": getTree(sftp, op[1], new File(op[2])); break;
            case "rename": case "replace": sftp.rename(plain(op[1]), plain(op[2])); break;
            case "symlink": sftp.symlink(op[1], op[2]); break;
            case "hardlink": sftp.hardlink(op[1], op[2]); break;
            case "remove": sftp.rm(plain(op[1])); break;
            case "mkdir": sftp.mkdir(op[1]); break;
            case "rmdir": sftp.rmdir(plain(op[1])); break;
            case "chmod": sftp.chmod(Integer.parseInt(op[2]), plain(op[1])); break;
            case "df": space(sftp, op[1]); break;
            default: throw new Exception("no operation");
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0) {
            System.out.println("JSch " + JSch.VERSION);
            return;
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        String[] login = words(in.readLine());
        int failed = 0;
        Session session = null;
        try {
            JSch jsch = new JSch();
            if (login[2].isEmpty()) jsch.addIdentity(login[3] + ".pem");
            session = jsch.getSession(login[1], "127.0.0.1", Integer.parseInt(login[0]));
            session.setConfig("StrictHostKeyChecking", "no");
            if (!login[2].isEmpty()) session.setPassword(login[2]);
            session.connect(60_000);
            ChannelSftp sftp = (ChannelSftp) session.openChannel("sftp");
            sftp.connect(60_000);
            String line;
            while ((line = in.readLine()) != null) {
                String[] op = words(line);
                try {
                    perform(sftp, op);
                } catch (Exception error) {
                    failed = 1;
                    System.err.println(op[0] + ": " + error + " " + error.getCause());
                    if (login[4].isEmpty()) break;
                }
            }
        } catch (JSchException error) {
            failed = 1;
            System.err.println("connection: " + error);
        }
        if (session != null) session.disconnect();
        System.exit(failed);
    }
}
