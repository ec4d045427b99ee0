# Does operations, given as JSON on standard input, with net-sftp or net-scp as their users would.
require "json"
require "net/scp"
require "net/sftp"

ORDER = JSON.parse($stdin.read)
LOGIN = ORDER["login"]

def resume_put(sftp, here, there)
  File.open(here, "rb") do |source|
    handle = sftp.open!(there, "r+")
    at = sftp.fstat!(handle).size
    source.seek(at)
    while (chunk = source.read(32_000))
      sftp.write!(handle, at, chunk)
      at += chunk.bytesize
    end
    sftp.close!(handle)
  end
end

def resume_get(sftp, there, here)
  File.open(here, "ab") do |target|
    sftp.file.open(there, "r") do |source|
      source.pos = File.size(here)
      # At the end its read returns "", not nil.
      target.write(source.read(32_000)) until source.eof?
    end
  end
end

def by_sftp(sftp, op)
  case op["do"]
  when "list"
    puts JSON.generate("names" => sftp.dir.entries(op["path"]).map { |entry| entry.name.dup.force_encoding("UTF-8") })
  when "put", "putTree" then sftp.upload!(op["here"], op["there"])
  when "get" then sftp.download!(op["there"], op["here"])
  when "getTree" then sftp.download!(op["there"], op["here"], recursive: true)
  when "resumePut" then resume_put(sftp, op["here"], op["there"])
  when "resumeGet" then resume_get(sftp, op["there"], op["here"])
  when "rename" then sftp.rename!(op["from"], op["to"])
  when "symlink" then sftp.symlink!(op["from"], op["to"])
  when "remove" then sftp.remove!(op["path"])
  when "mkdir" then sftp.mkdir!(op["path"])
  when "rmdir" then sftp.rmdir!(op["path"])
  when "chmod" then sftp.setstat!(op["path"], permissions: op["mode"])
  else raise "no operation #{op["do"]}"
  end
end

def by_scp(scp, op)
  case op["do"]
  when "put" then scp.upload!(op["here"], op["there"])
  when "putTree" then scp.upload!(op["here"], op["there"], recursive: true)
  when "putKept" then scp.upload!(op["here"], op["there"], preserve: true)
  when "get" then scp.download!(op["there"], op["here"])
  # It makes the directory below the one that it is given.
  when "getTree" then scp.download!(op["there"], File.dirname(op["here"]), recursive: true)
  when "getKept" then scp.download!(op["there"], op["here"], preserve: true)
  else raise "no operation #{op["do"]}"
  end
end

options = { port: LOGIN["port"], verify_host_key: :never, non_interactive: true, config: false,
            use_agent: false, timeout: 60 }
if LOGIN["password"]
  options.update(password: LOGIN["password"], auth_methods: %w[password])
else
  options.update(keys: [LOGIN["key"]["openssh"]], keys_only: true, auth_methods: %w[publickey])
end

failed = false
begin
  Net::SSH.start("127.0.0.1", LOGIN["user"], options) do |ssh|
    way = ARGV == ["scp"] ? method(:by_scp) : method(:by_sftp)
    connection = ARGV == ["scp"] ? ssh.scp : ssh.sftp.connect!
    ORDER["ops"].each do |op|
      way.call(connection, op)
    rescue StandardError => e
      failed = true
      warn "#{op["do"]}: #{e.class}: #{e.message}"
      break unless ORDER["goOn"]
    end
  end
rescue StandardError => e
  failed = true
  warn "#{e.class}: #{e.message}"
end
exit(failed ? 1 : 0)
